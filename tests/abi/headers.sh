#!/bin/sh
# SPDX-License-Identifier: MIT
# headers.sh LANGUAGE STANDARD FOLDER COMPILER...: every header of FOLDER/assay compiles alone, and
# after itself, without a warning.
set -u
language=$1 standard=$2 folder=$3
shift 3
status=0 n=0
for header in "$folder"/assay/*.h; do
    name=assay/${header##*/}
    n=$((n + 1))
    if ! printf '#include "%s"\n#include "%s"\nextern int more_than_nothing;\n' "$name" "$name" |
        "$@" -x "$language" "-std=$standard" -Wall -Wextra -pedantic -Werror -I"$folder" \
            -fsyntax-only -; then
        echo "$name does not compile alone as $standard"
        status=1
    fi
done
[ "$n" -gt 0 ] || { echo "no headers in $folder/assay"; exit 1; }
exit $status
