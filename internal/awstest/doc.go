// Package awstest tests audit logs in S3 and MySQL against servers of both that it starts itself: gofakes3, which is a
// library, and MariaDB. It is a module of its own, so that nobody else carries them. Where mariadbd is not installed
// the tests are skipped, or fail if REMIT_CI=1.
package awstest
