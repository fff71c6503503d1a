"""What `mal doctor` looks at, a file for each place it looks. Each finding that is wrong says what to do."""
