"""Files for papers and talks: `figure` draws one image, `movie` all of them. No name of anyone is written."""
