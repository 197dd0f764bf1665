"""The bus: `publish(messages)` and one mailbox per consuming service.

Promises, in every implementation: at least once; the messages of one publisher on one topic arrive in the order in
which they were published. Order between topics is not promised, so whoever must know that it has seen everything
asks the sequence numbers (`Message.sequence`).
"""
