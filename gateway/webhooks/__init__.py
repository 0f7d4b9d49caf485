"""Webhooks: delivers events to customers' servers as signed POSTs; run by ``python -m gateway webhooks``.

Delivery is at-least-once under a fixed event id. Order is not guaranteed, because a retry may arrive late.
"""
