"""Third-party weights: a manifest, the sources they come from, and a verified cache."""
