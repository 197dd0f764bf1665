"""`kubectl tradewind`: bots on a cluster, from where one works with everything else on it.

kubectl finds the program `kubectl-tradewind` on PATH. It speaks to the API server alone, as whoever the kubeconfig
says, through the official client, which is imported when a command runs: help is there at once without it. What only
the running bot knows (its orders, its profit) is asked of its gateway and not here.
"""
