"""TriDet, a temporal action detector on video features. (Shi et al., CVPR 2023)"""
