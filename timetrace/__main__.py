from timetrace.cli import main

raise SystemExit(main())
