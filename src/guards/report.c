/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

void sbx_report_set(struct sbx_report *report, enum sbx_status status, const char *mend,
                    const char *fmt, ...) {
  va_list args;
  report->status = status;
  va_start(args, fmt);
  vsnprintf(report->text, sizeof report->text, fmt, args);
  va_end(args);
  snprintf(report->mend, sizeof report->mend, "%s", mend);
}

enum sbx_status sbx_report_failure(int errnum) {
  return errnum == EAGAIN || errnum == ENOMEM ? SBX_STATUS_UNTRIED : SBX_STATUS_UNAVAILABLE;
}
