"""Shared fixtures: real arm data, leak check."""
