/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cell/limits.h"

Test(limits, sizes_take_binary_units) {
    cr_expect_eq(as_parse_bytes("1048576"), 1048576);
    cr_expect_eq(as_parse_bytes("512M"), UINT64_C(512) << 20);
    cr_expect_eq(as_parse_bytes("10G"), UINT64_C(10) << 30);
    cr_expect_eq(as_parse_bytes("1.5GiB"), UINT64_C(3) << 29);
    cr_expect_eq(as_parse_bytes("4kb"), 4096);
}

Test(limits, what_is_no_size_is_zero) {
    static const char *const bad[] = {"", "G", "0", "-1G", "10X", "10GG", "10 G", "nan", "1e30"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_eq(as_parse_bytes(bad[i]), 0, "%s", bad[i]);
}

Test(limits, durations) {
    cr_expect_eq(as_parse_duration("90s"), 90);
    cr_expect_eq(as_parse_duration("10m"), 600);
    cr_expect_eq(as_parse_duration("1.5h"), 5400);
    cr_expect_eq(as_parse_duration("30"), 30);
    static const char *const bad[] = {"", "s", "0", "-1s", "10d", "inf", "nan", "5 m"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_eq(as_parse_duration(bad[i]), 0, "%s", bad[i]);
}

Test(limits, bytes_as_people_write_them) {
    char text[32];
    as_bytes_text(0, text, sizeof text);
    cr_expect_str_eq(text, "0 bytes");
    as_bytes_text(UINT64_C(10) << 30, text, sizeof text);
    cr_expect_str_eq(text, "10 GiB");
    as_bytes_text(UINT64_C(200) << 20, text, sizeof text);
    cr_expect_str_eq(text, "200 MiB");
    as_bytes_text(1536, text, sizeof text);
    cr_expect_str_eq(text, "1.5 KiB");
}

/* Memory that a grandchild touches counts. */
Test(limits, resident_bytes_of_a_tree) {
    enum { MIB = 1 << 20, SIZE = 64 * MIB };
    int ready[2];
    cr_assert_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        if (fork() == 0) {
            volatile char *block = malloc(SIZE); /* volatile: nobody reads what is written */
            for (size_t i = 0; block && i < SIZE; i += 1024)
                block[i] = 1;
            if (write(ready[1], "r", 1) == 1)
                pause();
            _exit(0);
        }
        pause();
        _exit(0);
    }
    char byte;
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    uint64_t bytes = as_tree_resident_bytes(child);
    cr_expect_geq(bytes, SIZE);
    cr_expect_lt(bytes, 4u * SIZE);
    kill(-child, SIGKILL);
    waitpid(child, NULL, 0);
    cr_expect_eq(as_tree_resident_bytes(child), 0);
}
