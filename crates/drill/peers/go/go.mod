module lameduck/drill/peers/go

go 1.22
