"""One light module per subcommand: options and help here, the work elsewhere."""
