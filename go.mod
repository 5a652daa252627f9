module vedette

go 1.26.0
