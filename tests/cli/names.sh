# SPDX-License-Identifier: MIT
# Unknown names: each is answered with the nearest one, before anything runs.
. "$HARNESS"

must 64 "$ASSAY" run quik
suggests quick
must 64 "$ASSAY" rnu quick
suggests run
must 64 "$ASSAY" run synthetic-tiny --bakends onednn
suggests --backends
must 64 "$ASSAY" run synthetic-tiny --backends referense
suggests reference
must 64 "$ASSAY" run synthetic-tiny --entries grru
suggests gru
must 64 "$ASSAY" run synthetic-tiny --entries gru,gru
says '"gru" twice'
must 64 "$ASSAY" run synthetic-tiny --backends "reference,$(printf '\377')"
says 'is not UTF-8'
must 64 "$ASSAY" run synthetic-tiny --set entries.gru.model=grru
says 'entries/0/model'
suggests gru
must 64 "$ASSAY" run synthetic-tiny --set entries.gru.options.hiden=8
says 'entries/0/options'
suggests hidden
must 64 "$ASSAY" run synthetic-tiny --set entries.grru.options.hidden=8
suggests gru
must 64 "$ASSAY" run synthetic-tiny --set training.epoch=1
suggests epochs
must 64 "$ASSAY" run synthetic-tiny --set trainin.epochs=1
suggests training
must 64 "$ASSAY" run synthetic-tiny --set data.resource.nonsense=1
says 'has no fields'
must 64 "$ASSAY" show grru
suggests gru
must 64 "$ASSAY" show gru --set hiden=8
suggests hidden
must 64 "$ASSAY" list model
suggests models
must 64 "$ASSAY" data stats imdb-small
says 'no file imdb-small.json in'
says 'a suite has that name'
says 'do     assay list resources'
must 64 "$ASSAY" data stats imbd
suggests imdb
must 65 "$ASSAY" run synthetic-tiny --set data.resource=syntetic --out out
suggests synthetic
must 64 "$ASSAY"
must 64 "$ASSAY" run
must 64 "$ASSAY" run a b
[ ! -e runs ] && [ ! -e out ] || complain "something was run"
