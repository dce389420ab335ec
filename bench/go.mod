module hydra/bench

go 1.26.0

require hydra v0.0.0

replace hydra => ../
