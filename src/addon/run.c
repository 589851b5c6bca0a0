/* SPDX-License-Identifier: MIT */
/* A run. Host process, on the thread of the environment. */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../core/proc.h"
#include "channel.h"
#include "lookup.h"
#include "request.h"
#include "stream.h"

/* Asked for; the kernel caps it at net.core.wmem_max. Fewer wake-ups for large results. */
#define SOCKET_BUFFER (1 << 20)

/* A run that the launcher has not reported this long after its last deadline never will be: the
 * launcher is stuck, or a guest of the same user id has stopped it. */
#define BACKSTOP_MS 5000u
/* Deadlines begin with the guest. A zygote takes 0.3 s of processor time before it has the first
 * one, and that many times as long as the machine has others to serve. A run that has not begun by
 * then is ended: it alone, since its launcher may serve others well. */
#define START_MS 10000u

static const napi_type_tag run_tag = {0x6b8f1f6c5b0d4e51u, 0x93c2a7e4d1f0b862u};

static void put_grants(struct sbx_ctl_run *args, char *const *grants) {
  for (; *grants; grants++) {
    size_t n = strlen(*grants) + 1;
    memcpy(args->grants + args->grants_len, *grants, n);
    args->grants_len += (uint32_t)n;
  }
}

static struct sbx_ctl *make_message(const struct sbx_start *s) {
  struct sbx_ctl *msg = calloc(1, sizeof *msg);
  if (!msg)
    return NULL;
  msg->type = SBX_CTL_RUN;
  msg->u.run_args.fork = s->fork;
  msg->u.run_args.ahead = s->ahead;
  msg->u.run_args.sampled = s->sample_ms > 0;
  /* All fit: their lengths were checked as they came in. */
  memcpy(msg->u.run_args.workdir, s->workdir, strlen(s->workdir) + 1);
  if (s->traceparent)
    memcpy(msg->u.run_args.traceparent, s->traceparent, strlen(s->traceparent) + 1);
  put_grants(&msg->u.run_args, s->grants);
  return msg;
}

/* stdout and stderr: pipes to the ring, or /dev/null. Returns NULL or the syscall that failed. */
static const char *open_output(struct sbx_run *run, bool collect, int *errnum) {
  for (int i = SBX_RUN_STDOUT; i <= SBX_RUN_STDERR; i++) {
    int ends[2] = {-1, -1};
    if (!collect) {
      if ((ends[1] = open("/dev/null", O_WRONLY | O_CLOEXEC)) < 0) {
        *errnum = errno;
        return "open";
      }
    } else if (pipe2(ends, O_CLOEXEC) != 0) {
      *errnum = errno;
      return "pipe2";
    }
    run->guest_fds[1 + i] = ends[1];
    if (collect && (*errnum = -sbx_stream_open(run, (enum sbx_stream_kind)i, ends[0])) != 0)
      return "poll";
  }
  return NULL;
}

/* All descriptors of the run. Returns as open_output. */
static const char *open_streams(struct sbx_run *run, bool collect, int *errnum) {
  int pair[2], size = SOCKET_BUFFER;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    *errnum = errno;
    return "socketpair";
  }
  run->guest_fds[0] = pair[1];
  /* Best effort: only speed depends on them. */
  setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  if ((*errnum = -sbx_stream_open(run, SBX_RUN_DATA, pair[0])) != 0)
    return "poll";
  return open_output(run, collect, errnum);
}

/* The caller keeps its own. Returns as open_output. */
static const char *copy_debug_fd(struct sbx_run *run, int fd, int *errnum) {
  if (fd == 0)
    return NULL;
  run->guest_fds[SBX_CTL_RUN_FDS] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  *errnum = errno;
  return run->guest_fds[SBX_CTL_RUN_FDS] < 0 ? "fcntl" : NULL;
}

/* Closes the handles and frees all but the struct, which goes with the last handle. */
static void release(struct sbx_run *run) {
  struct sbx_env *env = run->runner->env;
  for (int i = 0; i < SBX_RUN_STREAMS; i++)
    sbx_stream_close(&run->streams[i]);
  for (int i = 0; i < SBX_CTL_MAX_FDS; i++)
    sbx_fd_close(&run->guest_fds[i]);
  free(run->message);
  run->message = NULL;
  sbx_frame_parser_free(&run->parser);
  sbx_outcome_free(&run->outcome);
  sbx_lookup_free(run->lookups);
  run->lookups = NULL;
  sbx_message_free(&run->messages);
  sbx_pieces_free(&run->pieces);
  sbx_outbox_free(&run->outbox);
  sbx_js_unref(env, &run->on_done);
  sbx_js_unref(env, &run->on_logs);
  sbx_js_unref(env, &run->on_lookup);
  sbx_js_unref(env, &run->on_messages);
  sbx_js_unref(env, &run->on_room);
  sbx_js_unref(env, &run->on_pieces);
  sbx_js_unref(env, &run->runner_object);
  sbx_js_unref(env, &run->program);
  sbx_js_unref(env, &run->request);
  sbx_js_unref(env, &run->input);
  free(run->text);
  run->text = NULL;
  sbx_js_context_free(env, &run->context);
  sbx_box_detach(&run->box);
  sbx_run_unref(run);
}

static void on_sampler_closed(uv_handle_t *handle) {
  struct sbx_sampler *sampler = handle->data;
  struct sbx_run *run = (struct sbx_run *)((char *)sampler - offsetof(struct sbx_run, sampler));
  sbx_run_unref(run);
}

static void on_backstop_closed(uv_handle_t *handle) {
  sbx_run_unref(handle->data);
}

static void on_backstop(uv_timer_t *timer) {
  struct sbx_run *run = timer->data;
  struct sbx_runner *runner = run->runner;
  if (runner->env->exiting)
    return;
  /* The event loop may have been blocked, and timers come before descriptors: look first. The run
   * stays allocated at least until its timer is closed, which happens in a later callback. */
  if (!sbx_channel_receive(runner, INT_MAX))
    sbx_runner_lost(runner);
  else if (run->id != 0 && run->outcome.start_ns == 0 && !run->given_up) {
    run->given_up = true;
    uv_timer_start(&run->backstop, on_backstop, BACKSTOP_MS, 0);
    sbx_channel_kill(run);
  } else if (run->id != 0)
    sbx_runner_force(runner);
}

void sbx_run_expect(struct sbx_run *run) {
  uv_timer_start(&run->backstop, on_backstop, run->runner->allowed_ms + START_MS, 0);
}

static void close_timers(struct sbx_run *run) {
  sbx_pace_close(run);
  uv_close((uv_handle_t *)&run->backstop, on_backstop_closed);
  if (run->sampler.interval_ms > 0)
    sbx_sampler_close(&run->sampler, on_sampler_closed);
}

void sbx_run_unref(struct sbx_run *run) {
  if (--run->refs > 0)
    return;
  struct sbx_runner *runner = run->runner;
  sbx_sampler_free(&run->sampler);
  free(run);
  sbx_runner_unref(runner);
}

static void drop_box(void *target) {
  struct sbx_run *run = target;
  run->box = NULL;
}

static struct sbx_run *new_run(struct sbx_runner *runner, const struct sbx_start *s) {
  struct sbx_run *run = calloc(1, sizeof *run);
  if (!run)
    return NULL;
  run->runner = runner;
  run->refs = 1;
  run->waiting = s->ahead;
  for (int i = 0; i < SBX_CTL_MAX_FDS; i++)
    run->guest_fds[i] = -1;
  run->outcome.sampler = &run->sampler;
  run->outcome.pace = &run->pace;
  run->message = make_message(s);
  if (!run->message) {
    free(run);
    return NULL;
  }
  runner->refs++;
  uv_timer_init(runner->env->loop, &run->backstop); /* Cannot fail. */
  uv_unref((uv_handle_t *)&run->backstop);
  run->backstop.data = run;
  run->refs++;
  return run;
}

/* The part of startRun that must not fail halfway. Returns the Run, or NULL with an exception
 * pending and nothing but `start` left to free. */
static napi_value launch(napi_env napi, struct sbx_runner *runner, struct sbx_start *s) {
  struct sbx_run *run = new_run(runner, s);
  if (!run) {
    sbx_throw(napi, "ERR_SBX_NOMEM", 0, NULL, "Out of memory");
    return NULL;
  }
  int errnum = 0;
  napi_value object = NULL;
  if (s->program.value)
    sbx_request_hold(run, SBX_FRAME_PROGRAM, &s->program);
  if (!sbx_request_equip(napi, run, s))
    goto refused;
  sbx_request_let_go(run);
  const char *syscall = open_streams(run, s->collect_logs, &errnum);
  if (!syscall)
    syscall = copy_debug_fd(run, (int)s->debug_fd, &errnum);
  if (syscall) {
    sbx_throw_errno(napi, errnum, syscall);
    goto fail;
  }
  /* Small inputs are in the socket by now; only what is left needs its memory kept. */
  if (run->out_at < run->out_end && !sbx_request_keep(napi, run, s))
    goto refused;
  object = sbx_box_new(napi, &run_tag, run, drop_box, &run->box);
  if (!object || napi_create_reference(napi, s->runner_object, 1, &run->runner_object) != napi_ok)
    goto refused;
  if (!run->waiting) {
    runner->env->busy++;
    sbx_run_expect(run);
  }
  sbx_channel_add(runner, run);
  return object;
refused: /* Does nothing when the engine has an exception of its own pending. */
  sbx_throw(napi, "ERR_SBX_NOMEM", 0, NULL, "Out of memory");
fail:
  close_timers(run);
  release(run);
  return NULL;
}

napi_value sbx_run_start(napi_env napi, napi_callback_info info) {
  struct sbx_start s = {0};
  napi_value args[2], object = NULL;
  if (!sbx_args(napi, info, 2, args) || !sbx_arg_options(napi, args[1]))
    return NULL;
  struct sbx_env *env = sbx_env_get(napi);
  s.runner_object = args[0];
  /* The runner is looked up last: a getter among the options may have closed it. */
  if (sbx_start_where(napi, args[1], &s) && (s.ahead || sbx_start_what(napi, args[1], &s)) &&
      sbx_arg_function(napi, args[1], "onDone", &s.on_done)) {
    struct sbx_runner *runner = sbx_runner_get(napi, args[0]);
    if (runner)
      object = launch(napi, runner, &s);
  }
  sbx_start_free(env, &s);
  return object;
}

bool sbx_run_get(napi_env napi, napi_value value, struct sbx_run **run) {
  struct sbx_box *box = sbx_box_get(napi, &run_tag, value, "Run");
  if (!box)
    return false;
  *run = box->target;
  return true;
}

napi_value sbx_run_end(napi_env napi, napi_callback_info info) {
  napi_value args[2];
  bool now;
  if (!sbx_args(napi, info, 2, args))
    return NULL;
  struct sbx_run *run;
  if (!sbx_run_get(napi, args[0], &run))
    return NULL;
  if (napi_get_value_bool(napi, args[1], &now) != napi_ok) {
    napi_throw_type_error(napi, "ERR_INVALID_ARG_TYPE", "The second argument must be a boolean");
    return NULL;
  }
  if (run && now)
    sbx_channel_kill(run);
  else if (run)
    sbx_channel_term(run);
  return NULL;
}

void sbx_run_started(struct sbx_run *run, const struct sbx_ctl_started *started) {
  /* Once: who could say so again and again would have the run wait for ever. */
  if (run->outcome.pid == 0)
    uv_timer_start(&run->backstop, on_backstop, run->runner->allowed_ms + BACKSTOP_MS, 0);
  run->outcome.pid = started->pid;
  run->outcome.start_ns = started->start_ns;
  if (run->sampler.interval_ms > 0)
    sbx_sampler_start(&run->sampler, started->pid);
  if (run->out_held > 0) {
    sbx_request_let_go(run);
    sbx_stream_flush(run);
  }
}

void sbx_run_end_read(struct sbx_run *run) {
  uint64_t from = uv_hrtime();
  run->ended = true;
  uv_timer_stop(&run->backstop);
  sbx_stream_watch(run);
  if (!run->waiting && !sbx_stream_read_rest(run))
    sbx_pace_later(run, from);
  else
    sbx_run_settle(run);
}

static void read_rest(struct sbx_run *run) {
  /* The data socket first: its last LOG frames are older than the end of the output. */
  sbx_stream_drain(&run->streams[SBX_RUN_DATA]);
  sbx_pieces_tell(run);
  sbx_message_tell(run);
  sbx_stream_drain(&run->streams[SBX_RUN_STDOUT]);
  sbx_stream_drain(&run->streams[SBX_RUN_STDERR]);
}

void sbx_run_settle(struct sbx_run *run) {
  struct sbx_env *env = run->runner->env;
  /* First out of the runner's list: JavaScript, called below, may end or start runs. */
  sbx_channel_remove(run);
  close_timers(run);
  if (!run->waiting)
    read_rest(run);
  if (run->outcome.logs) {
    sbx_logring_finish(run->outcome.logs, (double)sbx_now_real_ns() / 1e6);
    sbx_stream_flush_live(run);
  }
  sbx_box_detach(&run->box);
  sbx_js_call(env, run->context, run->on_done, sbx_outcome_build, &run->outcome);
  release(run);
}

void sbx_run_abandon(struct sbx_run *run) {
  sbx_channel_remove(run);
  close_timers(run);
  release(run);
}

size_t sbx_run_memory(const struct sbx_run *run) {
  size_t bytes = sizeof *run + run->parser.cap + sbx_outcome_memory(&run->outcome) +
                 run->pieces.out.bytes + run->pieces.came.bytes;
  if (run->message)
    bytes += sizeof *run->message;
  for (unsigned i = run->out_at; i < run->out_end + run->out_held; i++)
    bytes += run->out[i].iov_len;
  return bytes;
}
