"""What `musse-stream engine` does.

`acquired`   what an engine is to be built for: a recording, a live stream, or numbers
`building`   build one, showing each step; and build it in a child process, for a node
`listing`    the engines of this user
`verifying`  run engines on this card beside the network
"""
