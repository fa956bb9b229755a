# SPDX-License-Identifier: MIT
"""scikit-learn: counts of token ids -> TF-IDF -> logistic regression, the classical baseline.

The rows of the first epoch are collected and fitted on at its end; later epochs change nothing. Padding and
unknown words (ids 0 and 1) are not counted. Settings: c=1.0 (inverse of the regularization), max_iter=1000,
sublinear=false, solver=lbfgs.
"""
import math
import platform

import assay_adapter


class TfidfLogisticRegression(assay_adapter.Model):
    def __init__(self, hello):
        import numpy
        import scipy
        import scipy.sparse
        import sklearn
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.linear_model import LogisticRegression

        settings = assay_adapter.settings_of(hello.settings)
        self.numpy, self.sparse = numpy, scipy.sparse
        self.shape = hello.n_classes, hello.vocab_size
        self.tfidf = TfidfTransformer(sublinear_tf=settings.pop("sublinear", "false") == "true")
        self.classifier = LogisticRegression(
            C=float(settings.pop("c", "1.0")), max_iter=int(settings.pop("max_iter", "1000")),
            solver=settings.pop("solver", "lbfgs"), random_state=hello.seed % (1 << 32))
        if settings:
            raise assay_adapter.Refusal(assay_adapter.INVALID_ARGUMENT,
                                        f"options.settings: unknown {', '.join(sorted(settings))}")
        self.n_parameters = (hello.vocab_size + 1) * (1 if hello.n_classes == 2 else hello.n_classes)
        self.rows, self.labels, self.fitted = [], [], False
        self.libraries = (f"scikit-learn {sklearn.__version__}; scipy {scipy.__version__}; numpy "
                          f"{numpy.__version__}; Python {platform.python_version()}")

    def counts(self, batch):
        np = self.numpy
        ids = np.frombuffer(batch.ids, np.int32)
        rows = np.repeat(np.arange(batch.n_rows), np.diff(np.frombuffer(batch.offsets, np.int32)))
        known = ids >= 2
        ones = np.ones(int(known.sum()))
        return self.sparse.csr_matrix((ones, (rows[known], ids[known])),
                                      shape=(batch.n_rows, self.shape[1]))

    def train_step(self, batch, step):
        if step.epoch != 1:
            return math.nan
        self.rows.append(self.counts(batch))
        self.labels.append(self.numpy.array(batch.labels))
        if batch.last_of_epoch:
            matrix = self.tfidf.fit_transform(self.sparse.vstack(self.rows, format="csr"))
            self.classifier.fit(matrix, self.numpy.concatenate(self.labels))
            self.rows, self.labels, self.fitted = [], [], True
        return math.nan

    def predict(self, batch):
        np = self.numpy
        logits = np.full((batch.n_rows, self.shape[0]), -100.0, np.float32)  # of a class never seen
        if not self.fitted:
            logits[:] = 0
            return logits
        found = self.classifier.decision_function(self.tfidf.transform(self.counts(batch)))
        classes = self.classifier.classes_
        if len(classes) == 2:  # one figure for two classes: the second's log odds
            found = np.stack([np.zeros_like(found), found], axis=1)
        logits[:, classes] = found
        return logits


assay_adapter.serve(TfidfLogisticRegression)
