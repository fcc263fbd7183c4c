"""The window that shows strain, as a process of its own.

    messages -> state.DisplayState -> view.View -> render.render -> BGR image -> window or PNG

Everything up to the image is pure: no socket, no clock, no window. `loop` is the one place that joins them.
"""
