/* Whether allot_zero_secure erases what nobody reads afterwards. Its source is part of this file,
 * so that the compiler may do with it all that it could do with the library inlined. The stack of a
 * function that has returned is looked at through an address that was kept as a number; a plain
 * memset shows whether that can tell: it must leave the secret there. */
#include <stdint.h>
#include <stdlib.h>

#include "../../src/alloc/str.c"

#define SECRET_BYTES 256

static uintptr_t left_behind;

static void write_secret(volatile char *secret)
{
    for (size_t i = 0; i < SECRET_BYTES; i++)
        secret[i] = 'S';
    left_behind = (uintptr_t)secret;
}

__attribute__((noinline)) static void erase_by_memset(void)
{
    char secret[SECRET_BYTES];

    write_secret(secret);
    memset(secret, 0, sizeof secret);
}

__attribute__((noinline)) static void erase_securely(void)
{
    char secret[SECRET_BYTES];

    write_secret(secret);
    allot_zero_secure(secret, sizeof secret);
}

__attribute__((noinline)) static int bytes_left(void)
{
    const volatile char *at = (const volatile char *)left_behind;
    int count = 0;

    for (size_t i = 0; i < SECRET_BYTES; i++)
        count += at[i] == 'S';
    return count;
}

int main(void)
{
    int by_memset, securely;

    erase_by_memset();
    by_memset = bytes_left();
    erase_securely();
    securely = bytes_left();
    printf("memset leaves %d bytes of the secret, allot_zero_secure %d\n", by_memset, securely);
    /* Frames of the functions above may have covered some; a few may be there by chance. */
    if (by_memset < SECRET_BYTES / 2)
        return 77;
    return securely < SECRET_BYTES / 8 ? EXIT_SUCCESS : EXIT_FAILURE;
}
