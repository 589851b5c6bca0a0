{ 'includes': [ 'src/sandbox.gypi' ] }
