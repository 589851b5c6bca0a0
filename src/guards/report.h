/* SPDX-License-Identifier: MIT */
/* What a guard's probe says of this machine. */
#ifndef SBX_REPORT_H
#define SBX_REPORT_H

enum sbx_status {
  SBX_STATUS_ENFORCED = 0,
  SBX_STATUS_PARTIAL,     /* works, but for what `text` says is missing */
  SBX_STATUS_UNAVAILABLE, /* `text` says why, `mend` what would help */
  SBX_STATUS_UNTRIED,     /* no process or memory could be had to try it: `text` says so */
};

struct sbx_report {
  enum sbx_status status;
  char text[200]; /* one line */
  char mend[200]; /* one line; "" when there is nothing to mend */
};

/* What it is when trying has failed so. */
enum sbx_status sbx_report_failure(int errnum);

void sbx_report_set(struct sbx_report *report, enum sbx_status status, const char *mend,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
