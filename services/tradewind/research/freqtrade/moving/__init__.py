"""From a configuration of freqtrade to the manifest of a bot.

`taken` has what a manifest can say as well, `left` names what it cannot, `manifest` puts both together. No key is
passed over in silence: each one is honoured, told with what becomes of it, or refused. Secrets are named, not copied.
"""
