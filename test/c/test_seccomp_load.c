/* SPDX-License-Identifier: MIT */
/* The probe of the system call filter, the ways that loading it fails, and Node.js under it. The
 * runtime is $SBX_NODE, or the `node` in $PATH. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "seccomp_util.h"

#define EXEC_FD 1000

extern char **environ;

static void report(struct sbx_report *out) {
  memset(out, 0x55, sizeof *out);
  sbx_seccomp_probe(out);
}

static void check_probe(void *arg) {
  struct sbx_report found;
  (void)arg;
  int before = count_fds();
  report(&found);
  child_ok(found.status == SBX_STATUS_ENFORCED && *found.text && !*found.mend,
           "filters are enforced here (%s)", found.text);
  child_ok(count_fds() == before && waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD,
           "the probe leaves neither descriptors nor children");
  /* 0 is a session of another PID namespace, such as that of who started a container. */
  child_ok(syscall(SYS_getsid, 0) >= 0 && prctl(PR_GET_SECCOMP) == 0 &&
               prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0,
           "and nothing in the process that probes");
  signal(SIGCHLD, SIG_IGN);
  report(&found);
  child_ok(found.status == SBX_STATUS_ENFORCED, "the same where SIGCHLD is ignored (%s)",
           found.text);
}

/* A filter of the test's own, that answers seccomp(2) with `error`. */
static void answer_seccomp(uint32_t error) {
  struct sock_filter code[] = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_seccomp},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | error},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  struct sock_fprog program = {4, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
    abort();
}

static void check_probe_refused(void *arg) {
  struct sbx_report found;
  (void)arg;
  answer_seccomp(ENOSYS);
  report(&found);
  child_ok(found.status == SBX_STATUS_UNAVAILABLE && strstr(found.text, strerror(ENOSYS)) &&
               *found.mend,
           "a kernel without filters is told of (%s; %s)", found.text, found.mend);
}

static void check_probe_inert(void *arg) {
  struct sbx_report found;
  (void)arg;
  answer_seccomp(0);
  report(&found);
  child_ok(found.status == SBX_STATUS_UNAVAILABLE && strstr(found.text, "refuses nothing"),
           "a filter that loads and does nothing is told of (%s)", found.text);
}

static void check_probe_without_fork(void *arg) {
  struct sbx_report found;
  apply(arg);
  report(&found);
  child_ok(found.status == SBX_STATUS_UNAVAILABLE && strstr(found.text, strerror(EPERM)),
           "a probe that cannot be made is no success (%s)", found.text);
}

static void check_apply(void *arg) {
  struct setup *setup = arg;
  struct sbx_seccomp filter;
  struct sbx_err err = {0};
  long self = getpid();
  child_ok(sbx_seccomp_build(&setup->options, &filter, &err) == 0 && filter.n > 0 &&
               filter.n_self > 0,
           "a filter has places for the guest's own pid");
  for (int no_one = -1; no_one <= 0; no_one++)
    child_ok(sbx_seccomp_apply(&filter, no_one, &err) == -EINVAL &&
                 err.stage == SBX_STAGE_SECCOMP && prctl(PR_GET_SECCOMP) == 0,
             "%d is no pid (%s)", no_one, err.text);
  if (geteuid() != 0) {
    child_ok(sbx_seccomp_apply(&filter, (int)self, &err) == -EACCES && prctl(PR_GET_SECCOMP) == 0,
             "without no_new_privs it does not load (%s)", err.text);
  }
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  /* Patched before, for another one: the last pid counts. */
  for (int i = 0; i < filter.n_self; i++)
    filter.code[filter.self[i]].k = (uint32_t)setup->sibling;
  child_ok(sbx_seccomp_apply(&filter, (int)self, &err) == 0 &&
               prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER,
           "it loads (%s)", err.text);
  EXPECT(0, "kill", " of itself", self, 0);
  EXPECT(EPERM, "kill", " of who was patched in before", setup->sibling, 0);
  sbx_seccomp_free(&filter);
  child_ok(!filter.code && !filter.self && filter.n == 0 && filter.n_self == 0,
           "a filter that was freed is empty");
  sbx_seccomp_free(&filter);
}

/* Ends with 42 when all of it works. */
static const char script[] =
    "const fs = require('node:fs'), zlib = require('node:zlib'), net = require('node:net');\n"
    "const crypto = require('node:crypto'), assert = require('node:assert');\n"
    "const { Worker } = require('node:worker_threads'), { promisify } = require('node:util');\n"
    "const cp = require('node:child_process'), dir = process.argv[1];\n"
    "const wasm = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127,\n"
    "  3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11]);\n"
    "(async () => {\n"
    "  const changed = new Promise(r => { const w = fs.watch(dir, () => { w.close(); r(); }); });\n"
    "  await fs.promises.writeFile(dir + '/a', 'x'.repeat(1e5));\n"
    "  await changed;\n"
    "  await fs.promises.rename(dir + '/a', dir + '/b');\n"
    "  const packed = await promisify(zlib.gzip)(await fs.promises.readFile(dir + '/b'));\n"
    "  assert.equal((await promisify(zlib.gunzip)(packed)).length, 1e5);\n"
    "  await promisify(crypto.scrypt)('a', 'b', 32);\n"
    "  crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });\n"
    "  const { instance } = await WebAssembly.instantiate(wasm);\n"
    "  assert.equal(instance.exports.add(2, 3), 5);\n"
    "  const answer = await new Promise((r, j) => new Worker(\n"
    "    'require(\"node:worker_threads\").parentPort.postMessage(6 * 7)', { eval: true })\n"
    "    .on('message', r).on('error', j));\n"
    "  await new Promise(r => setTimeout(r, 5));\n"
    "  await fs.promises.rm(dir + '/b');\n"
    "  assert.equal(await new Promise(r => net.connect(9, '127.0.0.1').on('error', e =>\n"
    "    r(e.code))), 'EACCES');\n"
    "  assert.equal(cp.spawnSync('/bin/true').error.code, 'EPERM');\n"
    "  assert.throws(() => process.kill(process.ppid, 0), { code: 'EPERM' });\n"
    "  process.exit(answer);\n"
    "})();\n";

static int find_node(char *path, size_t size) {
  const char *node = getenv("SBX_NODE"), *dirs = getenv("PATH");
  if (node) {
    snprintf(path, size, "%s", node);
    return access(path, X_OK) == 0;
  }
  for (size_t n; dirs && *dirs; dirs += n + (dirs[n] == ':')) {
    n = strcspn(dirs, ":");
    snprintf(path, size, "%.*s/node", (int)n, dirs);
    if (access(path, X_OK) == 0)
      return 1;
  }
  return 0;
}

/* As the launcher starts it: by a descriptor that is out of the guest's reach. */
static void exec_node(const char *path, const char *dir) {
  char *argv[] = {"node", "-e", (char *)script, (char *)dir, NULL};
  struct setup setup = {.options = {.exec_fd = EXEC_FD}};
  struct rlimit files = {EXEC_FD, EXEC_FD};
  struct sbx_seccomp filter;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || dup3(fd, EXEC_FD, O_CLOEXEC) < 0 || setrlimit(RLIMIT_NOFILE, &files) < 0 ||
      prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
      sbx_seccomp_build(&setup.options, &filter, NULL) < 0 ||
      sbx_seccomp_apply(&filter, getpid(), NULL) < 0)
    _exit(2);
  syscall(SYS_execveat, EXEC_FD, "", argv, environ, AT_EMPTY_PATH);
  _exit(3);
}

static void test_node(const char *who) {
  char path[4096], dir[] = "/tmp/sbx-seccomp-XXXXXX", name[128];
  int status = -1;
  if (!find_node(path, sizeof path)) {
    ok(!getenv("SBX_MUST_WORK"), "Node.js # SKIP there is no node in $PATH, and no $SBX_NODE");
    return;
  }
  if (!mkdtemp(dir))
    abort();
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    alarm(50);
    exec_node(path, dir);
  }
  waitpid(pid, &status, 0);
  snprintf(name, sizeof name, "%s: Node.js works under the filter (%#x)", who, status);
  ok(WIFEXITED(status) && WEXITSTATUS(status) == 42, name);
  rmdir(dir);
}

static const struct seccomp_case cases[] = {
    {"probe", check_probe, {.exec_fd = -1}},
    {"probe, refused", check_probe_refused, {.exec_fd = -1}},
    {"probe, inert", check_probe_inert, {.exec_fd = -1}},
    {"probe, no fork", check_probe_without_fork, {.exec_fd = -1}},
    {"apply", check_apply, {.exec_fd = -1}},
};

static void all_cases(const char *who) {
  run_cases(who, cases, sizeof cases / sizeof *cases);
  test_node(who);
}

int main(void) {
  return run_for_all(all_cases);
}
