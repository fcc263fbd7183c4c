"""Tapes: protocol messages in a crash-safe MCAP file, and the ring in memory that keeps what was just seen.

layout      what a tape holds, byte by byte
writer      messages to a tape, each one in the file as soon as it is appended
records     the records of a file one after the other, behind damage too
reader      messages of a tape in file order, whole, torn or damaged
    ring        the newest messages in memory
    service     the process that holds a ring, and saves or serves it
    protocol    what it is asked and answers, and a client
    announcing  a recording elsewhere, announced to it
"""
