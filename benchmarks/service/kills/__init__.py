"""``kill -9`` at random moments over every command that writes, and over the service: nothing that was acknowledged is
lost.

Commands run in processes that are forked from one that has loaded everything, so that most of their time is work. Each
command runs undisturbed first, which says when it begins to write and when it ends; kills come evenly between the two.
Where that takes less than a tenth of a second, the kernel tells when the first file changes, and the kill comes at a
random moment after it.
"""
