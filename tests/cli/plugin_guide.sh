# SPDX-License-Identifier: MIT
# The commands of docs/plugin-guide.md, on the file it explains: out of the tree, the SDK alone.
. "$HARNESS"

${CC:-cc} -std=c11 -Wall -Wextra -Werror -O2 -fPIC -shared -fvisibility=hidden -I "$SDK" "$EXAMPLE" \
    -o mean_bag.so -lm
is "$(nm -D --defined-only mean_bag.so | awk '{print $3}')" assay_plugin_query

must 0 "$ASSAY" show ./mean_bag.so --classes 10
prints 'embedding.weight'
prints '10x64'
must 0 "$ASSAY" show ./mean_bag.so --set hidden=128
prints '128x100'
must 0 env ASSAY_PLUGIN_PATH="$PWD:$ASSAY_PLUGIN_PATH" "$ASSAY" list models
prints 'mean_bag'

suite bag.json bag '{ "name": "mean_bag", "model": "mean_bag", "options": { "embedding": 4 } }'
must 0 env ASSAY_PLUGIN_PATH="$PWD:$ASSAY_PLUGIN_PATH" "$ASSAY" run bag.json --out bag \
    --set entries.mean_bag.options.hidden=8
is "$(json bag/cells/mean_bag__reference__f32__s1/result.json 'd["status"]')" ok
is "$(json bag/cells/mean_bag__reference__f32__s1/result.json 'd["model"]["options"]["hidden"]')" 8
