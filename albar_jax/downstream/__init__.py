"""Downstream tasks: heads that are trained on the features of an encoder. (ALBAR Table 5)"""
