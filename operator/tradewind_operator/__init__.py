"""The operator: `kubectl apply -f bot.yaml` makes running services, and keeps them so.

It watches `TradingBot` resources and what belongs to them. For each bot it renders the objects that the plan asks for
(`manifests`, pure: the same bot and site give the same objects) and applies what differs from what is there. It trades
nothing itself and reads no Secret that it did not make; a bot goes on trading while the operator is down.
"""
