/* SPDX-License-Identifier: MIT */
#ifndef SBX_USAGE_H
#define SBX_USAGE_H

#include <node_api.h>

/* measureLater({ path, maxBytes, maxFiles }): a promise for what a directory holds, counted on a
 * thread of the pool: { bytes, files, unseen, root }. Counting stops once either is passed. `bytes`
 * are those that the disk keeps, not those of holes; `unseen` are entries that could not be looked
 * at or into; `root` is which directory it was, '' where there is none. */
napi_value sbx_usage_measure_later(napi_env napi, napi_callback_info info);

#endif
