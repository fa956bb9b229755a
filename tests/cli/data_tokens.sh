# SPDX-License-Identifier: MIT
# assay data tokens: lines of standard input and texts of a data set, by each kind of tokenizer.
. "$HARNESS"

printf '[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##believ\n##able\n!\nit\n' >vocab.txt
printf "Unbelievable!\nIt's 3.5\n" >lines.txt

must 0 sh -c '"$ASSAY" data tokens - --tokenizer wordpiece --vocab vocab.txt --offsets <lines.txt'
is "$(sed -n 1p .out | python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["index"], d["tokens"], d["ids"], d["offsets"])')" \
    "0 ['[CLS]', 'un', '##believ', '##able', '!', '[SEP]'] [2, 4, 5, 6, 7, 3] [[0, 0], [0, 2], [2, 8], [8, 12], [12, 13], [0, 0]]"
must 0 sh -c '"$ASSAY" data tokens - --tokenizer wordpiece --vocab vocab.txt --max-tokens 4 <lines.txt'
is "$(sed -n 1p .out | python3 -c 'import json, sys; print(json.load(sys.stdin)["ids"])')" '[2, 4, 5, 3]'
for case in 'whitespace|["It'"'"'s", "3.5"]' 'words|["It", "s", "3", "5"]' 'unicode|["It'"'"'s", "3.5"]'; do
    KIND=${case%%|*} must 0 sh -c '"$ASSAY" data tokens - --tokenizer "$KIND" <lines.txt'
    is "$(sed -n 2p .out | python3 -c 'import json, sys; d = json.load(sys.stdin); print(json.dumps(d["tokens"]), d["ids"])')" "${case#*|} None"
done
must 0 sh -c '"$ASSAY" data tokens - --tokenizer regex --pattern "[0-9]+" <lines.txt'
is "$(sed -n 2p .out | python3 -c 'import json, sys; print(json.load(sys.stdin)["tokens"])')" "['3', '5']"

must 0 "$ASSAY" data tokens synthetic --split test --tokenizer words
is "$(wc -l <.out)" "$("$ASSAY" data stats synthetic --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["splits"]["test"]["rows"])')"

must 64 "$ASSAY" data tokens synthetic --tokenizer wrods
must 64 sh -c '"$ASSAY" data tokens - --tokenizer regex --pattern "(" <lines.txt'
says "does not compile"
printf 'a\nb\na\n[UNK]\n' >double.txt
must 65 sh -c '"$ASSAY" data tokens - --tokenizer wordpiece --vocab double.txt <lines.txt'
says 'double.txt'
printf '\377\n' >invalid.txt
must 65 sh -c '"$ASSAY" data tokens - --tokenizer words <invalid.txt'
