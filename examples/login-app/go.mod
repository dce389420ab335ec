module example.com/login-app

go 1.26
