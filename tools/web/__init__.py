"""The browser page: live strain, cine and measurement, as a process of its own.

    node -> feed (thread: Subscriber, DisplayState, Cine) -> server (asyncio: one task per client) -> browser
                 client: what one browser has frozen and measures; composer: its next message
    tape process <-> tape (threads that may wait) <-> exchange: what a browser asks for

States, colours and numbers are decided here in Python; the browser draws float32 maps as they come, and adds
only that it lost this server.
"""
