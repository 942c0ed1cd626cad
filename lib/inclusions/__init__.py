"""Ergodic inclusions in many-body localized systems: a reproducible paper."""
