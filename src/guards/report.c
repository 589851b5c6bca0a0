/* SPDX-License-Identifier: MIT */
#include "report.h"

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
