"""Result files: what `process` and `record` write, and what `info` shows of them."""
