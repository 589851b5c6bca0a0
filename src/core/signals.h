/* SPDX-License-Identifier: MIT */
/* Signal dispositions, which come along over fork() and, when they are "ignore", over execve(). */
#ifndef SBX_SIGNALS_H
#define SBX_SIGNALS_H

/* Gives every signal its default action, also those two (32 and 33) that libc keeps for itself and
 * that signal(2) therefore refuses: a host started by timeout(1) has them ignored. */
void sbx_signals_default(void);

#endif
