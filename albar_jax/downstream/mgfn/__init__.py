"""MGFN, which finds anomalies in untrimmed videos: UCF-Crime. (arXiv 2211.15098)"""
