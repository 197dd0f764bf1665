"""What crosses a border: the manifest (`api`), the messages on the bus, and the table of strategy kinds."""
