"""The eight nouns: Problem, Method, State, Run, History, Probe, Claim, Lab. Knows no lab and no screen."""
