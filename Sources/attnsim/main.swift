print("attnsim")
