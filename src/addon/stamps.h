/* SPDX-License-Identifier: MIT */
#ifndef SBX_STAMPS_H
#define SBX_STAMPS_H

#include <node_api.h>

/* stampFiles({ paths, stamps }): whether all files are as they were; writes how they are now. */
napi_value sbx_stamp_files(napi_env napi, napi_callback_info info);

/* stampFilesLater({ paths }): a promise for the stamps, which are taken on a thread of the pool. */
napi_value sbx_stamp_files_later(napi_env napi, napi_callback_info info);

#endif
