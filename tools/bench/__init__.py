"""How fast the node is: a publisher, the node, a bare receiver and a listener, each a process of its own."""
