throw new TypeError("not even that");
