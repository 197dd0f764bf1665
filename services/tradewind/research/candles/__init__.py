"""Files of recorded candles: what a folder holds, whether it can be believed, other forms of it, and more of it.

The layout that everything here writes is the one that a replaying bot reads: one CSV file for each pair and timeframe,
`BTC-EUR-1h.csv`, in one folder. Every file is read, checked and written a batch of rows at a time, so its length is
bounded by the disk and not by the memory.
"""
