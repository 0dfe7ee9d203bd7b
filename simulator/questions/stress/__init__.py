"""How far traffic and endpoints can be pushed before an objective breaks."""
