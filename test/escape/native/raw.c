/* SPDX-License-Identifier: MIT */
/* raw.node: system calls for the escape suite, without libc or Node.js between the case and the
 * kernel. Never shipped; node_api.h alone, so that one build serves every Node.js. */
#include <node_api.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_ARGS 7 /* the number, and six arguments */
#define MAX_STRING 4096

#define CHECK(call)                                                                                \
  do {                                                                                             \
    if ((call) != napi_ok) {                                                                       \
      napi_throw_error(env, "ERR_RAW", #call);                                                     \
      return NULL;                                                                                 \
    }                                                                                              \
  } while (0)

struct arguments {
  size_t n;
  uintptr_t word[MAX_ARGS];
  char *text[MAX_ARGS];
};

static void let_go(struct arguments *a) {
  for (size_t i = 0; i < MAX_ARGS; i++)
    free(a->text[i]);
}

/* Memory of a Buffer, typed array or ArrayBuffer; NULL when it is none of them. */
static void *memory_of(napi_env env, napi_value value, size_t *length) {
  bool is = false;
  void *data = NULL;
  if (napi_is_arraybuffer(env, value, &is) == napi_ok && is &&
      napi_get_arraybuffer_info(env, value, &data, length) == napi_ok)
    return data;
  if (napi_is_typedarray(env, value, &is) == napi_ok && is &&
      napi_get_typedarray_info(env, value, NULL, length, &data, NULL, NULL) == napi_ok)
    return data;
  return NULL;
}

static bool read_word(napi_env env, napi_value value, uintptr_t *word, char **text) {
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok)
    return false;
  size_t length = 0;
  int64_t number;
  uint64_t big;
  bool lossless;
  switch (type) {
  case napi_null:
  case napi_undefined:
    *word = 0;
    return true;
  case napi_number:
    if (napi_get_value_int64(env, value, &number) != napi_ok)
      return false;
    *word = (uintptr_t)number;
    return true;
  case napi_bigint:
    if (napi_get_value_bigint_uint64(env, value, &big, &lossless) != napi_ok)
      return false;
    *word = big;
    return true;
  case napi_string:
    *text = calloc(1, MAX_STRING);
    if (!*text || napi_get_value_string_utf8(env, value, *text, MAX_STRING, &length) != napi_ok)
      return false;
    *word = (uintptr_t)*text;
    return true;
  default:
    *word = (uintptr_t)memory_of(env, value, &length);
    return *word != 0;
  }
}

/* On failure an exception is pending. */
static bool read_arguments(napi_env env, napi_callback_info info, struct arguments *a) {
  napi_value values[MAX_ARGS];
  *a = (struct arguments){.n = MAX_ARGS};
  if (napi_get_cb_info(env, info, &a->n, values, NULL, NULL) != napi_ok)
    return false;
  if (a->n > MAX_ARGS)
    a->n = MAX_ARGS;
  for (size_t i = 0; i < a->n; i++)
    if (!read_word(env, values[i], &a->word[i], &a->text[i])) {
      let_go(a);
      napi_throw_type_error(env, "ERR_RAW",
                            "an argument is no number, bigint, string, buffer or null");
      return false;
    }
  return true;
}

static napi_value number(napi_env env, long value) {
  napi_value out;
  CHECK(napi_create_int64(env, value, &out));
  return out;
}

/* syscall(nr, ...args): the result, or minus the errno. */
static napi_value do_syscall(napi_env env, napi_callback_info info) {
  struct arguments a;
  if (!read_arguments(env, info, &a))
    return NULL;
  long rc =
      syscall((long)a.word[0], a.word[1], a.word[2], a.word[3], a.word[4], a.word[5], a.word[6]);
  if (rc == -1)
    rc = -errno;
  let_go(&a);
  return number(env, rc);
}

/* A call that returns twice. The child ends with status 42 before it touches any memory, which it
 * may share with its parent (vfork) or not have at all (V8's heap is MADV_DONTFORK). */
static long twice(const uintptr_t *w) {
#if defined(__x86_64__)
  long rc;
  register uintptr_t a4 __asm__("r10") = w[4];
  register uintptr_t a5 __asm__("r8") = w[5];
  __asm__ volatile("syscall\n\t"
                   "test %%rax, %%rax\n\t"
                   "jnz 1f\n\t"
                   "mov %[end], %%eax\n\t"
                   "mov $42, %%edi\n\t"
                   "syscall\n\t"
                   "1:"
                   : "=a"(rc)
                   : "a"(w[0]), "D"(w[1]), "S"(w[2]), "d"(w[3]), "r"(a4),
                     "r"(a5), [end] "i"(SYS_exit_group)
                   : "rcx", "r11", "memory");
  return rc;
#elif defined(__aarch64__)
  register uintptr_t nr __asm__("x8") = w[0];
  register uintptr_t a1 __asm__("x0") = w[1];
  register uintptr_t a2 __asm__("x1") = w[2];
  register uintptr_t a3 __asm__("x2") = w[3];
  register uintptr_t a4 __asm__("x3") = w[4];
  register uintptr_t a5 __asm__("x4") = w[5];
  __asm__ volatile("svc #0\n\t"
                   "cbnz x0, 1f\n\t"
                   "mov x8, %[end]\n\t"
                   "mov x0, #42\n\t"
                   "svc #0\n\t"
                   "1:"
                   : "+r"(a1), "+r"(nr)
                   : "r"(a2), "r"(a3), "r"(a4), "r"(a5), [end] "i"(SYS_exit_group)
                   : "memory");
  return (long)a1;
#else
#error "neither x86_64 nor aarch64"
#endif
}

/* child(nr, ...args): makes a child that ends with status 42; its pid, or minus the errno. */
static napi_value do_child(napi_env env, napi_callback_info info) {
  struct arguments a;
  if (!read_arguments(env, info, &a))
    return NULL;
  long rc = twice(a.word);
  let_go(&a);
  return number(env, rc);
}

#if defined(__x86_64__)
static long i386(long nr, uintptr_t a1, uintptr_t a2, uintptr_t a3) {
  long rc;
  __asm__ volatile("int $0x80"
                   : "=a"(rc)
                   : "a"(nr), "b"(a1), "c"(a2), "d"(a3)
                   : "memory", "r8", "r9", "r10", "r11");
  return (int)rc;
}

/* i386(path): reads the file with the system calls of 32-bit programs, which have numbers of their
 * own and pointers of 32 bits; the bytes read, or minus the errno. */
static napi_value do_i386(napi_env env, napi_callback_info info) {
  struct arguments a;
  if (!read_arguments(env, info, &a))
    return NULL;
  char *page =
      mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (page == MAP_FAILED) {
    let_go(&a);
    return number(env, -errno);
  }
  strncpy(page, a.text[0] ? a.text[0] : "", MAX_STRING - 1);
  let_go(&a);
  long rc = i386(5 /* open */, (uintptr_t)page, 0, 0);
  if (rc >= 0)
    rc = i386(3 /* read */, (uintptr_t)rc, (uintptr_t)page + 4096, 4095);
  napi_value out = NULL;
  if (rc < 0)
    out = number(env, rc);
  else if (napi_create_string_utf8(env, page + 4096, (size_t)rc, &out) != napi_ok)
    napi_throw_error(env, "ERR_RAW", "no string");
  munmap(page, 8192);
  return out;
}
#endif

/* address(buffer): where its memory is, for structures that hold pointers. */
static napi_value do_address(napi_env env, napi_callback_info info) {
  struct arguments a;
  if (!read_arguments(env, info, &a))
    return NULL;
  napi_value out = NULL;
  if (napi_create_bigint_uint64(env, a.word[0], &out) != napi_ok)
    napi_throw_error(env, "ERR_RAW", "no bigint");
  let_go(&a);
  return out;
}

/* peek(address, length): a copy of this process's memory. */
static napi_value do_peek(napi_env env, napi_callback_info info) {
  struct arguments a;
  if (!read_arguments(env, info, &a))
    return NULL;
  napi_value out = NULL;
  if (napi_create_buffer_copy(env, a.word[1], (const void *)a.word[0], NULL, &out) != napi_ok)
    napi_throw_error(env, "ERR_RAW", "no buffer");
  let_go(&a);
  return out;
}

/* poke(address, buffer, length) */
static napi_value do_poke(napi_env env, napi_callback_info info) {
  struct arguments a;
  if (!read_arguments(env, info, &a))
    return NULL;
  memcpy((void *)a.word[0], (const void *)a.word[1], a.word[2]);
  let_go(&a);
  return NULL;
}

static const struct {
  const char *name;
  long nr;
} calls[] = {
#define CALL(name) {#name, SYS_##name},
#define CALL_AT(name, nr) {#name, nr},
#include "calls.h"
};

static napi_value call_table(napi_env env) {
  napi_value table;
  CHECK(napi_create_object(env, &table));
  for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
    napi_value nr;
    CHECK(napi_create_int64(env, calls[i].nr, &nr));
    CHECK(napi_set_named_property(env, table, calls[i].name, nr));
  }
  return table;
}

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    napi_callback call;
  } functions[] = {
    {"syscall", do_syscall},
    {"child", do_child},
    {"address", do_address},
    {"peek", do_peek},
    {"poke", do_poke},
#if defined(__x86_64__)
    {"i386", do_i386},
#endif
  };
  for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
    napi_value f;
    CHECK(napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL,
                               &f));
    CHECK(napi_set_named_property(env, exports, functions[i].name, f));
  }
  napi_value table = call_table(env);
  if (table)
    CHECK(napi_set_named_property(env, exports, "SYS", table));
  return exports;
}
