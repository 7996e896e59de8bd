"""Our live words beside those of other live recognisers: same speech, weights, threads and clock."""
