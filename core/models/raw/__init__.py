"""Raw input, as in the paper: no pretrained encoder, only patches of pictures and sound, and word pieces."""
