"""First stage of training: each modality's encoder together with its peer, on labelled corpora."""
