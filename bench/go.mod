module hydra/bench

go 1.26
